"""A description of the machine, because figures mean little without it."""

import os
import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("Flask", "waitress", "SQLAlchemy", "marshmallow", "flask-smorest", "fastapi", "uvicorn", "Django",
            "djangorestframework", "gunicorn")  # fmt: skip


def find_processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(": ", 1)[1] for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def describe_package(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} absent"


def describe_machine() -> str:
    """Describe the machine; call this before the benchmark starts, because it includes the load average."""
    load = " ".join(f"{each:.2f}" for each in os.getloadavg())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{find_processor()}, {cores} cores, {platform.system()}; load average before: {load}. "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{', '.join(describe_package(package) for package in PACKAGES)}."
    )
