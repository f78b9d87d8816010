"""Every activity of the rendered world: how the body moves and what it holds."""

from stillseek.synthetic.rendered.activities import chores, games, sports, stage, travel
from stillseek.synthetic.rendered.activity import Activity

# The order decides the class split of a seed: new groups go to the end.
ACTIVITIES: tuple[Activity, ...] = (
    *(*games.RACKETS, *games.HAND_BALLS, *games.KICK_BALLS),
    *(*sports.WEIGHTS, *sports.FLOOR, *sports.APPARATUS),
    *(*games.AIMING, *sports.THROWS, *sports.JUMPS, *games.CLUBS, *sports.COMBAT),
    *(*travel.RIDING, *travel.BOATS, *travel.BOARDS, *travel.WINTER),
    *(*stage.STRINGS, *stage.WINDS, *stage.PERCUSSION),
    *(*chores.CLEANING, *chores.GARDEN, *chores.COOKING, *chores.CARE, *chores.REPAIR),
    *stage.SHOWS,
)
