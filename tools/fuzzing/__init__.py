"""Generated bad input: for every reader of a2f a maker of damaged, lying and hostile files, and a judge."""
