"""From notebooks to a book: runs that are executed when they are stale, long steps whose results are stored."""

from whyreid.study.artifacts import artifact, artifacts_root, read_provenance

__all__ = ["artifact", "artifacts_root", "read_provenance"]
