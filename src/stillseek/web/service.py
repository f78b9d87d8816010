"""One service: its files, jobs and threads, over one localizer and one library."""

import logging
import threading
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from stillseek.errors import UsageError
from stillseek.localize.localizer import Localizer
from stillseek.web.beside import Beside
from stillseek.web.database import Database
from stillseek.web.jobs import Jobs
from stillseek.web.kept_features import KeptFeatures
from stillseek.web.labels import Labels
from stillseek.web.library_views import Catalogue
from stillseek.web.previews import Previews
from stillseek.web.prometheus_metrics import Metrics
from stillseek.web.schemas import Limits
from stillseek.web.service_settings import ServiceSettings
from stillseek.web.sources import Sources
from stillseek.web.uploads import Uploads
from stillseek.web.work import Work

if TYPE_CHECKING:
    from stillseek.library.saved_library import Library

# What waits for one of them need not wait for the others.
_LANES = (("locate", "add"), ("search", "similar"), ("cut", "preview"))
_SWEEP_SECONDS = 300.0
SWEEPER_CLOSE_SECONDS = 1.0
_MOST_WAITING = 64

_log = logging.getLogger(__name__)


class Service:
    """What the routes answer from; a context manager that starts and ends the threads.

    Args:
        settings: Places and limits.
        localizer: Searches videos; its cache should lie in the data folder.
        library: What is searched without a video; None leaves that out.

    Raises:
        UsageError: Another service has the data folder.
    """

    def __init__(
        self, settings: ServiceSettings, localizer: Localizer, library: "Library | None" = None
    ) -> None:
        settings.data.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(settings.data / "lock", thread_local=False)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise UsageError(
                f"another service has the data folder {settings.data}; end it, or give another "
                "with --data"
            ) from error
        self.settings = settings
        self.localizer = localizer
        self.has_library = library is not None
        self.metrics = Metrics()
        self.beside = Beside(settings.beside, waiting=_MOST_WAITING)
        self.ending = threading.Event()
        self.database = Database(settings.data / "service.sqlite")
        self.features = KeptFeatures(settings.data / "features")
        self.uploads = Uploads(settings, self.database, self.features)
        self.labels = Labels(self.database)
        self.catalogue = Catalogue(library)
        shown_as = {settings.data.absolute(): "the service's data"}
        if library is not None and library.folder.is_absolute():
            shown_as[library.folder] = "the library"
        self.sources = Sources(self.uploads, settings.folders, self.catalogue, shown_as)
        self.previews = Previews(settings.data / "previews")
        self.work = Work(
            localizer, self.catalogue, self.sources, self.previews, settings.data / "results"
        )
        self.jobs = Jobs(
            self.database,
            self.work,
            lanes=dict(zip(_LANES, (settings.workers, 1, 1), strict=True)),
            queue=settings.queue,
            ending=self.ending,
            on_end=self.metrics.count_job,
        )
        self.metrics.watch(self.jobs)
        self._sweeper = threading.Thread(target=self._sweep_often, daemon=True)

    def __enter__(self) -> "Service":
        self.jobs.start()
        self._sweeper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.jobs.close()
        self.beside.close()
        self._sweeper.join(SWEEPER_CLOSE_SECONDS)
        self.database.close()
        self._lock.release()

    def health(self) -> dict[str, Any]:
        """What clients need to know of the service."""
        settings = self.settings
        return {
            "status": "ok" if self.jobs.are_worked_on else "failing",
            "version": version("stillseek"),
            "recipe": self.localizer.recipe.name,
            "is_calibrated": self.localizer.calibration is not None,
            "has_library": self.has_library,
            "folders": list(settings.folders),
            "limits": {name: getattr(settings, name) for name in Limits.model_fields},
        }

    def sweep(self) -> None:
        """Removes uploads, jobs and files that are older than they are kept."""
        in_use = self.jobs.sources_in_use()
        self.uploads.sweep(in_use)
        oldest = time.time() - self.settings.keep_hours * 3600
        for job_id in self.jobs.sweep(oldest):
            self.work.file(job_id).unlink(missing_ok=True)
        self.previews.sweep(oldest)
        self.features.sweep(oldest)

    def _sweep_often(self) -> None:
        while True:
            try:
                self.sweep()
            except Exception:
                # A full disk, say: without the next sweep it would stay full.
                _log.exception("the sweep of what is old failed")
            if self.ending.wait(_SWEEP_SECONDS):
                return
