"""How the packaged FER+ model is made: data, training, measuring, export. Nothing that is shipped imports this."""
