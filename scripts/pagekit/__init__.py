"""Pages that are made from the program itself, so that they can't tell anything else than it does."""
