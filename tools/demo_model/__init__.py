"""How the shipped model is made: many synthetic voices, many synthetic speakers, training, tests."""
