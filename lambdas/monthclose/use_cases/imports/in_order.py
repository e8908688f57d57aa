"""Work that is done by several threads, and whose results are handed out in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Set
from concurrent.futures import Executor, Future, wait


def in_order[R](executor: Executor, most: int, jobs: Iterable[tuple[Set[str], Callable[[], R]]]) -> Iterator[R]:
    """Do jobs, several at a time, and hand out their results in the jobs' order.

    Meanwhile, the next job is made. When this ends, also because one raises, nothing of it is still running: Lambda may
    freeze a function's process at any time.

    Parameters
    ----------
    most : int
        How many jobs are done at a time.
    jobs : iterable of tuple
        What each job touches, and the work. Two that touch the same thing are done one after the other.
    """
    running = deque[tuple[Set[str], Future[R]]]()
    try:
        for touched, work in jobs:
            while running and (len(running) >= most or any(not touched.isdisjoint(other) for other, _ in running)):
                yield running.popleft()[1].result()
            running.append((touched, executor.submit(work)))
        while running:
            yield running.popleft()[1].result()
    finally:
        for _, job in running:
            job.cancel()
        wait([job for _, job in running])
