"""Videos that we make: rendered, composed of photographs, or planted as features alone."""
