"""What TensorBoard's own reader finds in a folder of event files, or the bytes that its own writer makes of some events.

    python scripts/reference/tensorboard_events.py read FOLDER
    python scripts/reference/tensorboard_events.py write FILE
"""

import json
import sys

import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


def read(folder):
    events = EventAccumulator(folder, size_guidance={"scalars": 0})
    events.Reload()
    tags = events.Tags()["scalars"]
    print(
        json.dumps(
            {
                "by": f"tensorboard {tensorboard.__version__}",
                "version": events.file_version,
                "scalars": {tag: [[e.step, e.value, e.wall_time] for e in events.Scalars(tag)] for tag in tags},
            }
        )
    )


def write(path):
    values = [Summary.Value(tag="train/loss", simple_value=2.25), Summary.Value(tag="train/rate", simple_value=0.1)]
    with open(path, "wb") as file:
        writer = RecordWriter(file)
        for event in (
            Event(wall_time=1700000000.5, file_version="brain.Event:2"),
            Event(wall_time=1700000001.25, step=301, session_log=SessionLog(status=SessionLog.START)),
            Event(wall_time=1700000002.0, step=1000000, summary=Summary(value=values)),
        ):
            writer.write(event.SerializeToString(deterministic=True))


{"read": read, "write": write}[sys.argv[1]](sys.argv[2])
