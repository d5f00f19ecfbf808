"""What driving a web tool takes: Lakewire on a demo lake, the tool's own server, a browser, and a list of what was seen."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

import requests
from selenium import webdriver

ROOT = pathlib.Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs/pictures"


class Steps:
    """What was done and what came of it, in order; a step that fails is told as well, and the run fails at the end."""

    def __init__(self, tool: str, version: str):
        self.tool, self.version, self.rows, self.failed = tool, version, [], 0

    @contextlib.contextmanager
    def step(self, what: str):
        """The block puts what it saw into the list it is given."""
        seen = []
        try:
            yield seen
            assert seen, "nothing was seen"
            self.rows.append((what, "; ".join(map(str, seen))))
        except Exception as error:  # every failure of a tool is a finding
            self.failed += 1
            self.rows.append((what, f"**failed**: {str(error)[:500]}"))
        print(f"{self.tool}: {what}: {self.rows[-1][1]}", flush=True)

    def write(self, path: pathlib.Path, picture: str) -> None:
        lines = [f"## {self.tool} {self.version}", "", "| step | seen |", "|---|---|"]
        lines += [f"| {what} | {seen.replace('|', '/')} |" for what, seen in self.rows]
        lines += ["", f"![{self.tool}](pictures/{picture})", ""]
        path.write_text("\n".join(lines))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def demo(binary: str):
    """Lakewire serving a generated lake; gives its URL in parts."""
    with tempfile.TemporaryDirectory(prefix="lakewire-bi-") as folder:
        words = [binary, "demo", "--lake", f"{folder}/lake", "--set", "sample.rows=50000", "--listen", "127.0.0.1:0"]
        process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            for line in process.stdout:
                if url := next((word for word in line.split() if word.startswith("postgresql://")), None):
                    yield urllib.parse.urlsplit(url)
                    break
            else:
                raise SystemExit(f"lakewire ended with {process.wait()}")
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def web_server(command: list[str], environment: dict, url: str, log: pathlib.Path):
    """A tool's server, once `url` answers; ended with the block."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, cwd=log.parent, stdout=out, stderr=out, start_new_session=True
        )
    try:
        for _ in range(600):
            with contextlib.suppress(requests.RequestException):
                requests.get(url, timeout=5)
                break
            if process.poll() is not None:
                raise SystemExit(f"{command[0]} ended with {process.returncode}: {log.read_text()[-2000:]}")
            time.sleep(0.5)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@contextlib.contextmanager
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    with tempfile.TemporaryDirectory(prefix="lakewire-browser-") as profile:
        for argument in (
            "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
            f"--disable-component-update --disable-sync --window-size=1600,1300 --user-data-dir={profile}"
        ).split():
            options.add_argument(argument)
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        driver = webdriver.Chrome(options=options, service=service)
        driver.set_page_load_timeout(180)
        try:
            yield driver
        finally:
            driver.quit()


def wait_until(what: str, found, seconds: int = 120):
    """What `found` gives once it gives anything."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(Exception):
            if result := found():
                return result
        time.sleep(0.5)
    raise TimeoutError(f"{what}: not seen in {seconds} s")
