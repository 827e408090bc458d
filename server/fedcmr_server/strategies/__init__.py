"""How the weights of the sites become one: a name in the experiment, a class with the maths."""
