"""Steps of the demo face build: read the CC0 sources, cut a head, sample identities, mend the contacts."""
