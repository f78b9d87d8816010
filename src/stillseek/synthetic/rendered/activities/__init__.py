"""Every activity of the rendered world: how the body moves and what it holds."""

from stillseek.synthetic.rendered.activities.aiming import AIMING, CLUBS
from stillseek.synthetic.rendered.activities.athletics import COMBAT, JUMPS, THROWS
from stillseek.synthetic.rendered.activities.ball_games import HAND_BALLS, KICK_BALLS
from stillseek.synthetic.rendered.activities.boards import BOARDS, WINTER
from stillseek.synthetic.rendered.activities.crafts import REPAIR, SHOWS
from stillseek.synthetic.rendered.activities.gym import APPARATUS, FLOOR, WEIGHTS
from stillseek.synthetic.rendered.activities.housework import CLEANING, GARDEN
from stillseek.synthetic.rendered.activities.indoors import CARE, COOKING
from stillseek.synthetic.rendered.activities.music import PERCUSSION, STRINGS, WINDS
from stillseek.synthetic.rendered.activities.racket_games import RACKETS
from stillseek.synthetic.rendered.activities.riding import BOATS, RIDING
from stillseek.synthetic.rendered.activity import Activity

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
