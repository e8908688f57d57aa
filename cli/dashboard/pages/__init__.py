"""The pages, a module for each subject. Each has its addresses in `ROUTES`."""

from starlette.routing import Route

from cli.dashboard.pages import closes, glance, operate, report

ROUTES: tuple[Route, ...] = (*closes.ROUTES, *glance.ROUTES, *operate.ROUTES, *report.ROUTES)
