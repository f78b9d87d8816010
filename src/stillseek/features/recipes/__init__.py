"""How pixels become features: a file a recipe, and the parts that they share."""
