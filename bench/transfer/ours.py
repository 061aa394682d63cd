"""One transfer by ComfyDash's engine, measured without the start of the interpreter. Prints seconds of processor time,
context switches, the peak of memory in KB, and last the seconds it took; with a fifth word also where they went."""

from __future__ import annotations

import resource
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from downloads.transfer import Options, Wanted, fetch

LOOK = 0.005  # seconds between two looks at what each thread does
NAMES = {
    "_fill": "receive",
    "read": "receive, encrypted",
    "_put": "write",
    "_follow": "SHA-256",
    "read_into": "read back",
    "flush_data": "to the platter",
    "finish": "last fsync",
    "let_catch_up": "wait for SHA-256",
}


def main() -> None:
    hub, url, folder, connections = sys.argv[1:5]
    options = Options(hub_endpoint=hub, allow_private_hosts=True, connections=int(connections), retry_base=0.5)
    seen: Counter[tuple[str, str]] = Counter()
    over = threading.Event()
    if len(sys.argv) > 5:
        threading.Thread(target=_watch, args=(seen, over), name="profile").start()
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    fetch(Wanted(url, Path(folder), "model.safetensors", replace=True), options, lambda progress: True)
    seconds = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    over.set()
    looks = max((count for (thread, _), count in seen.items() if thread == "all"), default=1)
    for (thread, what), count in seen.most_common():
        if thread != "all" and count > looks / 50:
            print(f"{thread} · {what}: {count / looks * seconds:.2f} s")
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    switches = after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw
    status = Path("/proc/self/status").read_text()  # not ru_maxrss, which begins with what the parent had
    print(processor, switches, status.partition("VmHWM:")[2].split()[0], seconds)


def _watch(seen: Counter[tuple[str, str]], over: threading.Event) -> None:
    """Looks at every thread's place in the code; waiting is left out."""
    while not over.wait(LOOK):
        seen["all", ""] += 1
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for ident, frame in sys._current_frames().items():
            what = frame.f_code.co_name
            if ident != threading.get_ident() and what not in {"wait", "_listen"}:
                seen[names.get(ident, "?").partition(" ")[0], NAMES.get(what, what)] += 1


if __name__ == "__main__":
    main()
