"""Without `--operate` the dashboard changes nothing, whatever is asked of it."""

import httpx

from tests.browser.visiting import Served, Visitor
from tests.world import World


def test_there_is_nothing_to_press_and_the_pages_of_acts_refuse(
    visitor: Visitor, dashboard: Served, world: World
) -> None:
    world.use(world.add_customer("acme", method="declined"), "120.00")
    world.close()
    visitor.open("/closes/2026-10")
    assert "Read only" in visitor.text(".top")
    assert visitor.page.locator("form, button, .actions").count() == 0
    for path in ("", "/hold?customer=acme"):
        assert visitor.open(f"/operate{path}").status == 409
        assert "this dashboard only reads" in visitor.text()
    told = len(world.audit.told)
    with httpx.Client(base_url=dashboard.address, headers={"Origin": dashboard.address}) as inside:
        inside.get(dashboard.access.entrance)
        form = {"form_key": dashboard.access.form_key, "customer": "acme", "reason": "x"}
        assert inside.post("/operate/hold", data=form).status_code == 409
    assert len(world.audit.told) == told
