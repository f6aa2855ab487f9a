"""Where a file stands in its repository: what GitHub, and readers of SARIF, know a file by."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path


def repository_path(file: str) -> str:
    """A file's path from the root of the repository, with slashes; absolute if it is elsewhere."""
    absolute = Path(os.path.abspath(file))  # noqa: PTH100 - links keep their names
    root = _root(str(Path.cwd()), os.environ.get("GITHUB_WORKSPACE"))
    return (absolute.relative_to(root) if absolute.is_relative_to(root) else absolute).as_posix()


@lru_cache(maxsize=8)
def _root(directory: str, workspace: str | None) -> Path:
    """The checkout that a directory is in: GitHub's workspace, or the nearest folder with ``.git``, or itself."""
    here = Path(directory)
    if workspace and here.is_relative_to(workspace):
        return Path(workspace)
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
