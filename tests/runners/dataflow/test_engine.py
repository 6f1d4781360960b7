"""What the engine asks for, said for people and as hints."""

from runners.dataflow.engine import DataflowEngine
from tests.runners.dataflow.jobs import GPU, HINT, IMAGE, options


def test_a_gpu_is_one_hint() -> None:
    assert DataflowEngine(options(**GPU)).resource_hints() == {"accelerator": HINT}
    assert DataflowEngine(options()).resource_hints() == {}


def test_a_drivers_version_is_part_of_the_hint() -> None:
    engine = DataflowEngine(options(dataflow_gpu="nvidia-tesla-t4", dataflow_gpu_driver="5xx"))
    assert engine.resource_hints() == {
        "accelerator": "type:nvidia-tesla-t4;count:1;install-nvidia-driver:5xx"
    }


def test_what_is_asked_for_can_be_read() -> None:
    asked = DataflowEngine(options(**GPU)).asks_for()
    assert asked == {
        "project": "my-project in us-central1",
        "image": IMAGE,
        "workers": "4 at most, 100 GB of disk, one process of 2 threads",
        "machine": "g2-standard-8, for the model",
        "gpu": "one nvidia-l4, for the model",
    }
    assert DataflowEngine(options()).asks_for()["gpu"] == "none"


def test_a_templates_launch_is_handed_over() -> None:
    assert DataflowEngine(options()).waits
    assert not DataflowEngine(options(), ["--template_location=gs://b/job_object"]).waits
