"""Whether a server can be reached, answered within seconds."""

import contextlib
import http.client
import threading
import urllib.error
import urllib.request


def online(url, seconds=2.0):
    """Whether a server answers at all within this many seconds; an error page is an answer too."""
    answered = []

    def ask():
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):  # the last from a misspelt proxy
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=seconds).close()
            answered.append(True)

    # A thread, because a name look-up ignores the timeout.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answered)
