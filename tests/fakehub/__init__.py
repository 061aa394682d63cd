"""A Hugging Face Hub on loopback that misbehaves on command.

Two servers in threads, on ports from the kernel: the Hub (`hub.url`) and its CDN (`hub.cdn_url`), two origins, so that
a token that follows a redirect is seen. They behave like the real ones: 302 with X-Linked-* to signed links that
expire, 307 for small files, 400 from the CDN for a request that carries a token, X-Error-Code on refusals.

    with FakeHub() as hub:
        file = hub.add_file("org/repo", "vae/a.safetensors", size=60_000_000, seed=1)   # file.url, .sha256, .size
        small = hub.add_file("org/repo", "config.json", b"{}", lfs=False)
        closed = hub.add_file("org/closed", "b.safetensors", safetensors_bytes(5000), gated=True)
        hub.token("hf_good", accepted={"org/closed"})       # pending=, sees= (private), reads_gated=False, role=
        plain = hub.add_document("presets.yaml", b"…")      # a host that is no Hub: ranges=, etag=, length=, headers=

        hub.fault(file, origin="cdn", drop_after=1000, times=2)   # every fault is a field of `Fault`
        hub.link_seconds = -1                                     # links that are over at once
        hub.speed = 25_000_000                                    # bytes/s per connection; total_speed, latency

        gate = hub.gate(file, at_byte=30_000_000)                 # stand in a state, without sleeping
        gate.reached.wait(5); ...; gate.open()
        hub.heal()                                                # no faults, all gates open

        hub.asked("a.safetensors", origin="cdn")                  # what was asked: range, authorization, status, sent
        file.replace(b"other bytes")                              # the source changes

Point production code at it by settings: HF_ENDPOINT = hub.url, ALLOW_PRIVATE_HOSTS = True.
`python -m tests.fakehub --port N` runs it by itself; see `--help`, and `control.py` for --control.
"""

from tests.fakehub.content import gguf_bytes, safetensors_bytes
from tests.fakehub.faults import Asked, Fault, Gate
from tests.fakehub.hub import FakeHub, File, Token

__all__ = ["Asked", "FakeHub", "Fault", "File", "Gate", "Token", "gguf_bytes", "safetensors_bytes"]
