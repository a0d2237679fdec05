"""Arrays and a topology in; a picture, a film or a file out."""
