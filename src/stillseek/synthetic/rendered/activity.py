"""What an activity of the rendered world is."""

from dataclasses import dataclass

from stillseek.synthetic.rendered.figure import Number, Pose
from stillseek.synthetic.rendered.props import Prop


@dataclass(frozen=True, slots=True)
class Activity:
    """A class of the two-level taxonomy.

    Attributes:
        name: Label, unique.
        group: Parent in the taxonomy; classes of one group are siblings.
        keys: Key poses of one motion cycle, equally spaced.
        period_seconds: Length of the cycle at normal speed.
        props: Objects, in drawing order inside their layer.
    """

    name: str
    group: str
    keys: tuple[Pose, ...]
    period_seconds: Number
    props: tuple[Prop, ...]


def activity(
    group: str, name: str, period_seconds: Number, keys: tuple[Pose, ...], *props: Prop
) -> Activity:
    """An activity with its objects one by one."""
    return Activity(name, group, keys, period_seconds, props)
