"""Breaks small videos, pictures, annotations, data sets, heads and store entries, and reads them.

    python tests/fuzz [--runs 3000] [--seed 0] [--first 0] [--kind onnx] [--workers 2]
        [--seconds 60] [--keep runs/fuzz] [--json]

Every run must end in an answer or in one clear line, within --seconds and 3 GiB. Seed and number of
a run decide what it does: --first N --runs 1 is that run again. Inputs of runs that end otherwise
are kept, and the command exits with 1. What libraries print or warn of is counted as a notice, and
is no fault.
"""

import argparse
import json
import os
import queue
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from mutations import SHARES, kind_of

HERE = Path(__file__).parent
FINE = ("answer", "error", "notice")
# As tables show them; "lines" is an error of several lines.
OUTCOMES = (*FINE, "traceback", "crash", "hang", "memory", "lines")
# A worker imports PyTorch before its first answer.
_START_SECONDS = 300.0
_DYING_SECONDS = 10.0


class Worker:
    """A worker process, started again when it dies or hangs."""

    def __init__(self, corpus: Path, work: Path, seed: int, seconds: float) -> None:
        self.work = work
        self._command = [sys.executable, str(HERE / "worker.py"), str(corpus), str(work), str(seed)]
        self._seconds = seconds
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._start()

    def run(self, index: int) -> dict[str, Any]:
        """How a run ended; also where it ended the process."""
        if self._process.poll() is not None:
            self._start()
        assert self._process.stdin is not None
        self._process.stdin.write(b"%d\n" % index)
        self._process.stdin.flush()
        if not self._is_ready and self._next_line(_START_SECONDS) != b"ready\n":
            raise RuntimeError(f"a worker did not start:\n{self._last_words()}")
        self._is_ready = True
        answer = self._next_line(self._seconds)
        if answer:
            return {"index": index, **json.loads(answer)}
        outcome = "crash"
        if answer is None:
            outcome = "hang"
            self._process.send_signal(signal.SIGABRT)  # its last words say where it is
        try:
            code = self._process.wait(_DYING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        detail = f"exit code {code}\n{self._last_words()}"
        kind, names = kind_of(index), sorted(path.name for path in self.work.glob("*"))
        file = next((name for name in names if name != "out"), "")
        return {"index": index, "kind": kind, "file": file, "outcome": outcome, "detail": detail}

    def stop(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _next_line(self, seconds: float) -> bytes | None:
        """What the process says next: nothing where it ended, None where it takes longer."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        return self._process.stdout.readline() if ready else None

    def _start(self) -> None:
        self._is_ready = False
        self._errors.truncate(0)
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )

    def _last_words(self) -> str:
        end = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, end - 4000))
        return self._errors.read().decode(errors="replace")


def main() -> int:
    """Prints the table, or one JSON object."""
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--kind", choices=SHARES, help="skip the runs of all other kinds")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=60.0, help="after which a run hangs")
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = fuzz(options, Path(folder))
    faults = [result for result in results if result["outcome"] not in FINE]
    if options.json:
        counts = Counter(result["outcome"] for result in results)
        print(json.dumps({"runs": len(results), "outcomes": counts, "faults": faults}))
    else:
        print_table(results)
        for fault in faults:
            print(f"\n{fault['outcome']}: {fault['kind']}, {fault['file']}; {fault['again']}")
            print(fault["detail"].rstrip())
    return 1 if faults else 0


def fuzz(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """All runs, in order of their numbers."""
    corpus, waiting = folder / "corpus", queue.SimpleQueue[int]()
    for index in range(options.first, options.first + options.runs):
        if options.kind in (None, kind_of(index)):
            waiting.put(index)
    results: list[dict[str, Any]] = []
    workers = [
        Worker(corpus, folder / f"work{number}", options.seed, options.seconds)
        for number in range(min(options.workers, options.runs))
    ]

    def serve(worker: Worker) -> None:
        while True:
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            result = worker.run(index)
            if result["outcome"] not in FINE:
                describe(result, options, worker.work)
            results.append(result)

    threads = [threading.Thread(target=serve, args=(worker,)) for worker in workers]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        for worker in workers:
            worker.stop()
    return sorted(results, key=lambda result: result["index"])


def describe(result: dict[str, Any], options: argparse.Namespace, work: Path) -> None:
    """Keeps the input of a run that ended badly, and says how to see it again."""
    index = result["index"]
    kept = options.keep / f"{options.seed}-{index}"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(work, kept, ignore=shutil.ignore_patterns("out"))
    result["again"] = f"python tests/fuzz --seed {options.seed} --first {index} --runs 1"


def print_table(results: list[dict[str, Any]]) -> None:
    """Counts by kind and outcome."""
    counts = Counter((result["kind"], result["outcome"]) for result in results)
    kinds = sorted({result["kind"] for result in results})
    print(f"{'kind':12}", *(f"{outcome:>9}" for outcome in OUTCOMES))
    for kind in (*kinds, "all"):
        row = (
            sum(n for (k, o), n in counts.items() if o == outcome and kind in (k, "all"))
            for outcome in OUTCOMES
        )
        print(f"{kind:12}", *(f"{number:9}" for number in row))


if __name__ == "__main__":
    sys.exit(main())
