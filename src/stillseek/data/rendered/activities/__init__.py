"""Every activity of the rendered world: how the body moves and what it holds."""

from stillseek.data.rendered.activities.aiming import AIMING, CLUBS
from stillseek.data.rendered.activities.athletics import COMBAT, JUMPS, THROWS
from stillseek.data.rendered.activities.ball_games import HAND_BALLS, KICK_BALLS
from stillseek.data.rendered.activities.boards import BOARDS, WINTER
from stillseek.data.rendered.activities.crafts import REPAIR, SHOWS
from stillseek.data.rendered.activities.gym import APPARATUS, FLOOR, WEIGHTS
from stillseek.data.rendered.activities.housework import CLEANING, GARDEN
from stillseek.data.rendered.activities.indoors import CARE, COOKING
from stillseek.data.rendered.activities.music import PERCUSSION, STRINGS, WINDS
from stillseek.data.rendered.activities.racket_games import RACKETS
from stillseek.data.rendered.activities.riding import BOATS, RIDING
from stillseek.data.rendered.taxonomy import Activity

# The order decides the class split of a seed: new groups go to the end.
ACTIVITIES: tuple[Activity, ...] = (
    *RACKETS,
    *HAND_BALLS,
    *KICK_BALLS,
    *WEIGHTS,
    *FLOOR,
    *APPARATUS,
    *AIMING,
    *THROWS,
    *JUMPS,
    *CLUBS,
    *COMBAT,
    *RIDING,
    *BOATS,
    *BOARDS,
    *WINTER,
    *STRINGS,
    *WINDS,
    *PERCUSSION,
    *CLEANING,
    *GARDEN,
    *COOKING,
    *CARE,
    *REPAIR,
    *SHOWS,
)
