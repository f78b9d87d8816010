"""What the service says when it cannot do what it was asked."""

from typing import Literal

from stillseek.errors import LibraryError, StillseekError, UsageError

ErrorType = Literal[
    "usage",
    "media",
    "not_found",
    "too_large",
    "unsupported_type",
    "queue_full",
    "unauthorized",
    "forbidden",
    "timeout",
    "conflict",
    "failed",
]

STATUS: dict[ErrorType, int] = {
    "usage": 400,
    "media": 422,
    "not_found": 404,
    "too_large": 413,
    "unsupported_type": 415,
    "queue_full": 429,
    "unauthorized": 401,
    "forbidden": 403,
    "timeout": 408,
    "conflict": 409,
    "failed": 500,
}
RETRY_SECONDS = 5
_MORE_HEADERS: dict[ErrorType, dict[str, str]] = {
    "queue_full": {"Retry-After": str(RETRY_SECONDS)},
    "unauthorized": {"WWW-Authenticate": 'Basic realm="stillseek", charset="UTF-8"'},
}


class RefusedError(StillseekError):
    """A request that is not answered as it was asked.

    Args:
        kind: What is wrong, as programs tell it.
        message: What was wrong, what was expected, what to do.
        status: Of the answer; None is that of the kind.
    """

    def __init__(self, kind: ErrorType, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.kind: ErrorType = kind
        self.message = message
        self.status = status or STATUS[kind]

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says besides."""
        return _MORE_HEADERS.get(self.kind, {})


def refusal_of(error: Exception) -> RefusedError:
    """What a client is told of an error; of one that nobody expected, nothing of its inside."""
    match error:
        case RefusedError():
            return error
        case UsageError():
            return RefusedError("usage", str(error))
        case LibraryError():
            return RefusedError("conflict", str(error))
        case StillseekError():
            # Files, features that cannot be used, and the like: of what was asked for.
            return RefusedError("media", str(error))
        case _:
            return RefusedError(
                "failed",
                "the service failed at this request; its log says why: ask whoever runs it",
            )
