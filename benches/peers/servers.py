"""The servers that are compared: a PostgreSQL cluster of our own in a temporary folder, and Lakewire on a lake."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def postgres_program(name: str) -> str:
    """Debian keeps the server's programs off the path."""
    found = shutil.which(name)
    folders = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for candidate in [folder / name for folder in folders] + [pathlib.Path(found or "/nowhere")]:
        if candidate.exists():
            return str(candidate)
    raise SystemExit(f"{name} is missing: install PostgreSQL")


def unprivileged() -> dict:
    """Arguments for subprocess: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise SystemExit("no user to run PostgreSQL as")


@contextlib.contextmanager
def postgres():
    """Yields the URL of a new, empty PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="lakewire-postgres-") as folder:
        who = unprivileged()
        if who:
            os.chown(folder, who["user"], who["group"])
        data = f"{folder}/data"
        initdb = [postgres_program("initdb"), "-D", data, "-U", "lakewire", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, **who)
        port = free_port()
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "shared_buffers": "1GB",
            "work_mem": "64MB",
            "max_wal_size": "4GB",
        }
        command = [postgres_program("postgres"), "-D", data]
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        with open(f"{folder}/log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **who)
        try:
            url = f"postgresql://lakewire@127.0.0.1:{port}/postgres"
            wait_for(url, process)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("CREATE DATABASE lake")
            yield f"postgresql://lakewire@127.0.0.1:{port}/lake"
        finally:
            process.send_signal(signal.SIGINT)  # fast shutdown
            process.wait()


def wait_for(url: str, process: subprocess.Popen) -> None:
    for _ in range(200):
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(url).close()
            return
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode}")
        time.sleep(0.1)
    raise SystemExit(f"no answer from {url}")


def lakewire(binary: str, command: str, lake: pathlib.Path, *arguments: str) -> list[str]:
    return [binary, command, "--lake", str(lake), *arguments]


@contextlib.contextmanager
def serving(binary: str, lake: pathlib.Path, *arguments: str, command: str = "serve"):
    """Yields the URL of Lakewire serving `lake`."""
    words = lakewire(binary, command, lake, "--listen", "127.0.0.1:0", *arguments)
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        for line in process.stdout:
            urls = [word for word in line.split() if word.startswith("postgresql://")]
            if urls:
                yield urls[0]
                break
        else:
            raise SystemExit(f"lakewire {command} ended with {process.wait()}")
    finally:
        process.terminate()
        process.wait()


def copy_tables(source: str, target: str, tables: list[str]) -> None:
    """Copies tables, types and all, from one server to the other."""
    with psycopg.connect(source, options="-c timezone=UTC") as reader, psycopg.connect(target) as writer:
        for table in tables:
            cursor = psycopg.RawCursor(reader)
            cursor.execute(f"SELECT * FROM {table} LIMIT 0")
            columns = ", ".join(f'"{column.name}" {column.type_display}' for column in cursor.description)
            writer.execute(f"CREATE SCHEMA IF NOT EXISTS {table.split('.')[0]}")
            writer.execute(f"CREATE TABLE {table} ({columns})")
            with writer.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                for row in cursor.stream(f"SELECT * FROM {table}"):
                    copy.write_row(row)
    with psycopg.connect(target, autocommit=True) as writer:
        writer.execute("VACUUM ANALYZE")
