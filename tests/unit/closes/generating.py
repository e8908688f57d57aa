"""One batch of a close, with its invoices generated and nothing charged."""

from monthclose.use_cases.closes.snapshot import read_batches
from tests.world import OCTOBER, World


def generated_batch(world: World) -> int:
    plan = world.planner.plan(OCTOBER, world.open())
    [batch] = read_batches(world.documents, plan.round_key)
    world.generator.generate(OCTOBER, batch, plan.close.round)
    return batch.number
