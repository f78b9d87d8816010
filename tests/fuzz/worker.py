"""A process that breaks files and reads them: one line in for each run, one line out.

Run by `__main__.py`. A run that kills the process leaves its input in the worker's folder.
"""

import faulthandler
import fcntl
import json
import os
import resource
import shutil
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from random import Random

from corpus import build
from mutations import kind_of, mutate
from targets import TEXTS, Targets, fit_hash

from stillseek.errors import StillseekError

_MEMORY_BYTES = 3 * 2**30
_LARGEST_FILE_BYTES = 2**28


def main() -> None:
    """Serves runs until there is no further line."""
    corpus, work, seed = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    # What libraries print must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    faulthandler.enable()
    targets = None
    for line in sys.stdin:
        if targets is None:
            with corpus.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # the first worker makes it
                if not corpus.exists():
                    build(corpus)
            targets = Targets(corpus, work / "out")
            _limit_memory()
            print("ready", file=answers)
        index = int(line)
        shutil.rmtree(work, ignore_errors=True)
        (work / "out").mkdir(parents=True)
        print(json.dumps(run(targets, corpus, work, seed, index)), file=answers)


def run(targets: Targets, corpus: Path, work: Path, seed: str, index: int) -> dict[str, str]:
    """Breaks one file, reads it, and says how it ended."""
    random, kind = Random(f"{seed}-{index}"), kind_of(index)
    source = random.choice(sorted((corpus / kind).iterdir()))
    path = work / source.name
    if source.is_dir():
        shutil.copytree(source, path)
        broken = random.choice(sorted(file for file in path.rglob("*") if file.is_file()))
    else:
        broken = Path(shutil.copy(source, path))
    content = mutate(broken.read_bytes(), random, text=broken.suffix in TEXTS)
    broken.write_bytes(content)
    if random.random() < 0.5:
        fit_hash(kind, path, broken)
    printed = os.fstat(1).st_size
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        outcome, detail = _read(targets, kind, path, random)
    foreign = [each for each in caught if not each.category.__module__.startswith("stillseek.")]
    if outcome in ("answer", "error"):
        sys.stdout.flush()
        if os.fstat(1).st_size > printed:
            outcome, detail = "notice", os.pread(1, 500, printed).decode(errors="replace")
        elif foreign:
            outcome, detail = "notice", f"{foreign[0].filename}: {foreign[0].message}"
    return {"kind": kind, "file": source.name, "outcome": outcome, "detail": detail}


def _read(targets: Targets, kind: str, path: Path, random: Random) -> tuple[str, str]:
    try:
        targets.read(kind, path, random)
    except StillseekError as error:
        # A summary comes before a list of problems, each a line of its own.
        lines: Sequence[str] = (getattr(error, "summary", str(error)),)
        lines = (*lines, *getattr(error, "problems", ()))
        is_clear = all(line.strip() and "\n" not in line for line in lines)
        return "error" if is_clear else "lines", "\n".join(lines)
    except MemoryError:
        return "memory", traceback.format_exc()
    except Exception:
        return "traceback", traceback.format_exc()
    return "answer", ""


def _limit_memory() -> None:
    """So much more than what is loaded now; what is asked for beyond it fails."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    now = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + _MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LARGEST_FILE_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
