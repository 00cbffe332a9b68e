import io
import time
import urllib.error
import urllib.request

from labclip_lib.base.internet import online


def test_any_answer_is_a_network_and_a_look_up_that_hangs_is_none(monkeypatch):
    def refuse(*args, **how):
        raise urllib.error.HTTPError("http://192.0.2.1", 404, "gone", {}, None)

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    assert online("http://192.0.2.1")
    monkeypatch.setattr(urllib.request, "urlopen", lambda *args, **how: time.sleep(1) or io.BytesIO())
    started = time.perf_counter()
    assert not online("http://192.0.2.1", 0.05) and time.perf_counter() - started < 0.8
