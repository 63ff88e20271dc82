"""Figures and work for tests: round numbers, so that results can be checked by hand."""

from firelib.launch.client.capacity.model.figures import Figures, TrainingCurve
from firelib.launch.client.capacity.model.network import AllReduce
from firelib.launch.client.capacity.model.read_curve import ReadCurve
from firelib.launch.client.capacity.model.stage_curve import StageCurve
from firelib.launch.client.capacity.model.training_curve import StepCurve
from firelib.launch.client.capacity.model.workload import Workload

STEPS = StepCurve(0.002, 1e-5, 0.0, 200_000, AllReduce(0.001, 1e9), most_workers=2)
FIGURES = Figures(
    extract=StageCurve(2, 0, 1e-6, most_rows=1e7, most_cores=1),
    transform=StageCurve(10, 0, 5e-6, most_rows=1e7, most_cores=2),
    training=TrainingCurve(STEPS, start=30, end=20, waiting=1e-6, most_rows=1e6),
    reading=ReadCurve(256, 500, 0.0, 1e-6),
    origins={"extract": "a test", "transform": "a test", "train": "a test"},
)
WORK = Workload(rows=1e8, train_share=0.8, validation_share=0.1, epochs=2, batch_rows=1024)
