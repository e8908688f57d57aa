"""Usage in DynamoDB, as packs: many events of a customer's month in an item.

A month is a log of packs, numbered from 1; the last one is its tail. Whether a pack is *full* is stored with it, and
only behind full ones does a month go on. Whoever adds events writes a full tail's successor, on the condition that it
is not there yet, or a tail that has room again, on the condition that it is as it was. So of two who have decided on
the same state of a month one succeeds, and the other looks again. Events that are replaced are marked where they are,
in one transaction with what replaces them.

- `models`: what is stored
- `packs`: their keys and a month's state; `ids`: which pack has an id, in a few bytes for each; `remembered`: states
- `reading`, `writing`: the packs; `changes`: what a change writes; `moving`: whole months, in and out
- `earlier_items`: usage of releases that stored each event as an item
- `store`: the port
"""
