"""Reference files as they are committed: packed by gzip."""

import gzip
import os


def keep(folder, name, write):
    """The file as a library writes it, packed; the time of gzip's header is left out."""
    path = os.path.join(folder, name)
    write(path)
    with open(path, "rb") as file, open(f"{path}.gz", "wb") as packed:
        with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0, compresslevel=9) as out:
            out.write(file.read())
    os.remove(path)
