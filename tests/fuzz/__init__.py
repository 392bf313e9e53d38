"""Every parser of the exchange with true documents to begin from, for hypothesis in the quick suite and for atheris by ``make fuzz``."""
