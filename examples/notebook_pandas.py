# %%
"""Particles of the live feed as a table: a notebook in VS Code, Jupytext or Spyder, or a script.

    python notebook_pandas.py tcp://127.0.0.1:5757 20

Of files: `pandas.read_parquet("results/particles.parquet")` after `nanotally detect ... --to parquet`.
"""

import sys
from itertools import islice

import numpy as np
import pandas as pd

from nanotally.wire import DetectionsMessage, Subscriber

endpoint, frames = sys.argv[1:] or ["tcp://127.0.0.1:5757", 20]


# %%
def particles(message):
    """A row a particle, with the columns of the message."""
    table = pd.DataFrame({name: message.records[name] for name, _, _ in message.columns})
    table["class"] = np.array(message.classes)[table["class"]]
    return table.assign(frame=message.frame, wall=message.wall)


# %% Twenty frames in which could be counted
with Subscriber(endpoint, kinds=["detections"]) as subscriber:
    live = (item for item in subscriber if isinstance(item, DetectionsMessage) and item.state == "live")
    table = pd.concat([particles(message) for message in islice(live, int(frames))], ignore_index=True)

# %% Each particle once: its last sighting. Unconfirmed ones, and those in masks, are left out
seen = table[(table["track"] >= 0) & (table["flags"] & 4 == 0)].drop_duplicates("track", keep="last")
size = "ecd_nm" if "ecd_nm" in table else "ecd_px"
print(seen.groupby("class")[size].describe())
