"""Run as many jobs in parallel as the processors can serve.

Many jobs wait for most of their time: for timeouts that they test, for a browser. One job for each processor would
leave the processors idle, and two jobs that compute on the same one would be too slow for tests that measure time. So a
job counts as the share of a processor that it used when it ran last. A few more are started than the sum of shares
allows, because jobs also wait at the same time.
"""

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from gate.job import Ended, Job, run

MOST = 3  # jobs for each processor: each machine takes memory
SHARES = 1.2  # of jobs on each processor; with 1.0 two processors stood idle for a sixth of a run


def side_by_side(jobs: list[Job], processors: int) -> Iterator[Ended]:
    """Run all jobs, and yield each when it has ended."""
    waiting = list(jobs)
    running: dict[Future[Ended], Job] = {}
    with ThreadPoolExecutor(MOST * processors) as pool:
        try:
            while waiting or running:
                while job := following(waiting, list(running.values()), processors):
                    waiting.remove(job)
                    running[pool.submit(run, job)] = job
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    del running[done]
                    yield done.result()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def following(waiting: list[Job], running: list[Job], processors: int) -> Job | None:
    """The longest of the waiting jobs for which a processor has time beside the running ones."""
    if len(running) >= MOST * processors:
        return None
    free = SHARES * processors - sum(job.cost.share for job in running)
    fitting = [job for job in waiting if job.cost.share <= free + 1e-6]
    return max(fitting, key=lambda job: job.cost.seconds, default=None)
