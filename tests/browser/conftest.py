import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from metrics_files import METRICS
from provenance_files import PROVENANCE
from survey_files import sites

from fedcmr.config import Experiment
from fedcmr.release.description import Description, OperatingPoint
from fedcmr.release.report import render_report
from fedcmr.survey.page import survey_files

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


@dataclass(frozen=True)
class Browser:
    """Debian's chromium without a window, and what a test asks of it."""

    driver: Any

    def open(self, page: Path, *, width: int = 1280, scripts: bool = True) -> None:
        self.requests()
        self.console()
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.cdp("Emulation.setDeviceMetricsOverride", **size)
        self.cdp("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.driver.get(page.as_uri())

    def cdp(self, command: str, **values: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, values)

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def requests(self) -> list[str]:
        """Addresses asked for since the last call."""
        messages = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def console(self) -> list[dict[str, Any]]:
        """What the console showed since the last call."""
        found: list[dict[str, Any]] = self.driver.get_log("browser")
        return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("needs Debian's packages chromium and chromium-driver")
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER))
    yield Browser(driver)
    driver.quit()


def report(*, phantom: bool = True, partial: bool = True) -> str:
    description = Description(
        package_version="0.1.0",
        labels=("no scar", "scar"),
        threshold=OperatingPoint(**METRICS.threshold.model_dump()),
        phantom=phantom,
        partial=partial,
        experiment=Experiment(name="scar"),
    )
    stamps = {"phantom": phantom, "partial": partial}
    return render_report(description, METRICS, PROVENANCE.model_copy(update=stamps))


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both pages, and the report of a run that needs no stamp."""
    folder = tmp_path_factory.mktemp("pages")
    texts = {
        "report": report(),
        "survey": survey_files(
            sites(), Experiment(name="scar"), by_site={"north", "south", "east"}
        )["survey.html"],
        "plain": report(phantom=False, partial=False),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


@pytest.fixture
def opened(browser: Browser, pages: dict[str, Path]) -> Callable[..., Browser]:
    def open_page(name: str, **how: Any) -> Browser:
        browser.open(pages[name], **how)
        return browser

    return open_page
