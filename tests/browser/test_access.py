"""Who may see the dashboard: whoever has the address that was printed, on this machine, and nobody else."""

import socket
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser

from cli.dashboard.serving import LOOPBACK, listen
from monthclose.errors import UserMistakeError
from tests.browser.visiting import Served, Visitor

type Visit = Callable[..., Visitor]


@pytest.fixture
def inside(dashboard: Served) -> Iterator[httpx.Client]:
    """A program with the cookie."""
    with httpx.Client(base_url=dashboard.address) as client:
        assert client.get(dashboard.access.entrance).status_code == 303
        yield client


def test_without_the_key_nothing_is_shown(dashboard: Served) -> None:
    for path in ("/", "/closes/2026-10", "/start", "/start?key=guessed"):
        answer = httpx.get(dashboard.address + path)
        assert answer.status_code == 403
        assert "Open the address that `monthclose dashboard` printed" in answer.text


def test_the_key_leaves_the_address_bar_at_once_and_scripts_cannot_read_the_cookie(visitor: Visitor) -> None:
    assert visitor.page.url == f"{visitor.served.address}/"
    assert visitor.page.evaluate("document.cookie") == ""


def test_the_cookie_is_for_this_start_only(dashboard: Served) -> None:
    name = f"monthclose-{dashboard.address.rpartition(':')[2]}"
    assert httpx.get(dashboard.address, cookies={name: "of-an-earlier-start"}).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8400", ""])
def test_another_name_that_leads_here_is_turned_away(inside: httpx.Client, host: str) -> None:
    assert inside.get("/", headers={"Host": host}).status_code == 421
    assert inside.get("/").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "script"},
    ],
)
def test_other_sites_can_load_nothing_of_it(inside: httpx.Client, headers: dict[str, str]) -> None:
    assert inside.get("/", headers=headers).status_code == 403


def test_other_sites_can_post_nothing(inside: httpx.Client, dashboard: Served) -> None:
    for origin in ({}, {"Origin": "null"}, {"Origin": "http://evil.example"}, {"Origin": "http://127.0.0.1:3000"}):
        assert inside.post("/", headers=origin).status_code == 403
    assert inside.post("/", headers={"Origin": dashboard.address}).status_code == 405


def test_a_page_of_another_site_can_neither_frame_nor_read_it(browser: Browser, dashboard: Served) -> None:
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(dashboard.entrance)
        page.route("http://evil.example/", lambda route: route.fulfill(body="<title>evil</title>"))
        page.goto("http://evil.example/")
        read = "url => fetch(url, {credentials: 'include'}).then(answer => answer.text(), () => 'refused')"
        assert page.evaluate(read, dashboard.address) == "refused"
        framed = page.evaluate(
            "url => new Promise(done => {const frame = document.createElement('iframe'); frame.src = url;"
            " frame.onload = () => done(frame.contentDocument === null); document.body.append(frame)})",
            dashboard.address,
        )
        assert framed
        assert "Closes" not in (page.frames[1].content() if len(page.frames) > 1 else "")
    finally:
        context.close()


def test_every_answer_forbids_scripts_in_pages_frames_and_keeping(inside: httpx.Client) -> None:
    for path in ("/", "/nowhere", "/static/htmx.min.js"):
        headers = inside.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in headers


def test_a_page_that_does_not_exist_says_so(visit: Visit) -> None:
    visitor = visit()
    for path in ("/nowhere", "/closes/2026-13", "/closes/2026-09"):
        assert visitor.open(path).status == 404
    assert visitor.barriers() == []


def test_it_listens_on_the_loopback_interface_and_says_whose_port_is_taken() -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserMistakeError, match=f"port {port} cannot be used"):
            listen(port)
    with listen(0) as sock:
        assert sock.getsockname()[0] == LOOPBACK
