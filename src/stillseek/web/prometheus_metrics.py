"""What the service counts, for Prometheus."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from stillseek.web.jobs import Jobs

_JOB_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)


class Metrics:
    """Counters of one service: nothing of another one in the same process is in them."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "stillseek_requests",
            "Requests by method, route and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._jobs = Counter(
            "stillseek_jobs",
            "Jobs that ended, by kind and what became of them.",
            ("kind", "status"),
            registry=self._registry,
        )
        self._job_seconds = Histogram(
            "stillseek_job_seconds",
            "Time that jobs were computed.",
            ("kind",),
            buckets=_JOB_SECONDS,
            registry=self._registry,
        )
        self._upload_bytes = Counter(
            "stillseek_upload_bytes", "Bytes of uploads that were kept.", registry=self._registry
        )

    def watch(self, jobs: Jobs) -> None:
        """Shows how many jobs wait and run."""
        for name, number in (
            ("queued", lambda: jobs.num_queued),
            ("running", lambda: jobs.num_running),
        ):
            gauge = Gauge(
                f"stillseek_jobs_{name}", f"Jobs that are {name}.", registry=self._registry
            )
            gauge.set_function(number)

    def count_request(self, method: str, route: str, status: int) -> None:
        """Counts an answer; the route is its pattern, as names of files are without end."""
        self._requests.labels(method, route, str(status)).inc()

    def count_job(self, kind: str, status: str, seconds: float) -> None:
        """Counts a job that ended."""
        self._jobs.labels(kind, status).inc()
        self._job_seconds.labels(kind).observe(seconds)

    def count_upload(self, size_bytes: int) -> None:
        """Counts an upload."""
        self._upload_bytes.inc(size_bytes)

    def text(self) -> bytes:
        """All of it, in the text format."""
        return generate_latest(self._registry)
