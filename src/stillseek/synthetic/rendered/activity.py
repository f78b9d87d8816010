"""What an activity of the rendered world is."""

from collections.abc import Callable
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
    group: str, name: str, period_seconds: Number
) -> Callable[[*tuple[Pose | Prop, ...]], Activity]:
    """What makes an activity of its key poses and its objects, one by one."""

    def made_of(*poses_and_props: Pose | Prop) -> Activity:
        keys = tuple(each for each in poses_and_props if isinstance(each, Pose))
        props = tuple(each for each in poses_and_props if isinstance(each, Prop))
        return Activity(name, group, keys, period_seconds, props)

    return made_of
