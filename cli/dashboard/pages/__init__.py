"""The pages, a module for each subject. Each has its addresses in `ROUTES`."""

from starlette.routing import Route

from cli.dashboard.pages import closes, customer, glance, invoice, lists, operate, prices, report

ROUTES: tuple[Route, ...] = (
    *(*closes.ROUTES, *glance.ROUTES, *report.ROUTES, *lists.ROUTES, *customer.ROUTES, *invoice.ROUTES),
    *(*prices.ROUTES, *operate.ROUTES),
)
