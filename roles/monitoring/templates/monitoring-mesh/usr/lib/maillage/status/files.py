"""Write a file whole, or not at all."""

import os


def write(path, text):
    """Replace a file that others may read."""
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
