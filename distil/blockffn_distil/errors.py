"""What this package raises for input it cannot use."""


class DistilError(Exception):
    """Names the file and the field that are wrong, and what to do."""

    def __init__(self, message: str, *, file: str | None = None, field: str | None = None) -> None:
        where = ": ".join(part for part in (file, field) if part)
        super().__init__(f"{where}: {message}" if where else message)
        self.file = file
        self.field = field
