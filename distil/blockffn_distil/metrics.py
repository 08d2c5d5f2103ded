"""metrics.jsonl: one JSON object a line, in the TypeScript trainer's fields."""

import json
from pathlib import Path

from .curves import curves_svg


class Metrics:
    """Lines of a run; those after a checkpoint are taken back when it goes on from there."""

    def __init__(self, folder: Path, step: int, *, write: bool) -> None:
        self.folder, self.write = folder, write
        self.lines: list[dict] = []
        file = folder / "metrics.jsonl"
        if file.is_file():
            for line in file.read_text().splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    break  # The last line of a process killed while it wrote.
                if entry["step"] <= step:
                    self.lines.append(entry)
        if write:
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / "metrics.jsonl.new"
            temporary.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
            temporary.replace(file)

    def add(self, line: dict) -> None:
        self.lines.append(line)
        if self.write:
            with (self.folder / "metrics.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")

    def draw(self) -> None:
        if self.write:
            temporary = self.folder / "curves.svg.new"
            temporary.write_text(curves_svg(self.lines))
            temporary.replace(self.folder / "curves.svg")
