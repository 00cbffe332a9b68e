"""Whether there is a network, found out in a second."""

import contextlib
import http.client
import threading
import urllib.error
import urllib.request


def online(url, seconds=2.0):
    """Whether a server answers at all within so many seconds. True also for an error page."""
    answered = []

    def ask():
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):  # the last, of a proxy misspelt
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
            answered.append(True)

    # A thread, because a name look-up heeds no time-out.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answered)
