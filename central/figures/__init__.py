"""What is shown: figures, each with the article that makes it so."""
