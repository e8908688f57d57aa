"""Where the CPU of a close goes: `python -m bench.profiles` closes a month on the local AWS and sums up the samples.

`--stacks FOLDER` sums up samples that were taken before, by `python -m bench.close_speed --profile FOLDER`.
`--write NAME` keeps the summary beside this file. How it is measured is in `bench/close_speed/hooks/sitecustomize.py`.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.close_speed.__main__ import NOT_OURS, close, kind_of

_HERE = Path(__file__).resolve().parent
_WHERE = (
    ("importing modules", ("_find_and_load", "importlib/")),
    ("making AWS clients", (":Session.create_client", ":bind", "client.py:ClientCreator.")),
    ("asking DynamoDB: HTTP", ("direct.py:DirectCalls.send",)),
    ("asking DynamoDB: request and answer", ("direct.py:",)),
    ("asking AWS through the SDK: HTTP", ("httpsession.py:URLLib3Session.send",)),
    ("asking AWS through the SDK: all around it", ("botocore/", "boto3/", "s3transfer/")),
    ("reading and writing PynamoDB's items", ("pynamodb/",)),
    ("asking Stripe", ("stripe/_",)),
    ("asking GoCardless", ("gocardless_pro/",)),
    ("texts of e-mails", ("jinja2/",)),
    ("Powertools' logs, metrics and traces", ("powertools/logging/formatter", "metrics/base", "aws_xray_sdk/")),
)
"""What work a stack is of: the first whose words are in it. Later ones need not say what they are not."""
_OURS, _REST = "our own code", "threads, JSON, the rest"
_TOP = 25

type Stack = tuple[str, ...]


def read(folder: Path) -> Iterator[tuple[str, Stack, float]]:
    """Read the functions' samples: the function, the stack from the outside in, and its milliseconds of CPU."""
    for file in sorted(file for file in folder.glob("*.stacks") if file.stem not in NOT_OURS):
        for line in file.read_text().splitlines():
            frames, _, microseconds = line.rpartition(" ")
            yield file.name, tuple(frames.split(";")), int(microseconds) / 1000


def work_of(stack: Stack) -> str:
    """Say what work a stack is of."""
    text = ";".join(stack)
    for work, words in _WHERE:
        if any(word in text for word in words):
            return work
    return _OURS if "monthclose/" in stack[-1] else _REST


def summary(samples: Iterable[tuple[str, Stack, float]]) -> Iterator[str]:
    """Sum samples up, by what functions do, by work, and by function of the code."""
    by_kind: defaultdict[str, Counter[str]] = defaultdict(Counter)
    by_work, inside = Counter[str](), Counter[str]()
    for function, stack, ms in samples:
        work = work_of(stack)
        by_kind[kind_of(function)][work] += ms  # type: ignore[assignment]
        by_work[work] += ms  # type: ignore[assignment]
        for frame in set(stack):
            inside[frame] += ms  # type: ignore[assignment]
    total = sum(by_work.values())
    yield f"{'work':<44}{'CPU s':>9}{'share':>8}"
    yield from (f"{work:<44}{ms / 1000:>9.2f}{ms / total:>8.1%}" for work, ms in by_work.most_common())
    for kind, works in sorted(by_kind.items(), key=lambda found: -sum(found[1].values())):
        yield f"\n{kind}: {sum(works.values()) / 1000:.2f} s"
        yield from (f"  {work:<42}{ms / 1000:>9.2f}" for work, ms in works.most_common(6))
    yield "\ntime inside functions of the code, with all that they call"
    ours = [(frame, ms) for frame, ms in inside.most_common() if frame.startswith("monthclose/")]
    yield from (f"  {ms / 1000:>8.2f} s  {frame}" for frame, ms in ours[:_TOP])


def main() -> None:
    """Take samples, or read some, and print or keep their summary."""
    parser = argparse.ArgumentParser(prog="python -m bench.profiles", description=__doc__)
    parser.add_argument("--customers", type=int, default=500)
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--stacks", type=Path, metavar="FOLDER")
    parser.add_argument("--write", metavar="NAME", help="keep the summary as NAME.txt")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        if not options.stacks:
            close(_HERE.parents[1], options.customers, options.events, Path(folder))
        text = "\n".join(summary(read(options.stacks or Path(folder)))) + "\n"
    if options.write:
        (_HERE / f"{options.write}.txt").write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
