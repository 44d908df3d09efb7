"""The lines of an option's account: what each covers, in the order in which money is spent."""

LINES = {
    "current": "what is spent today, until the option is live",
    "data": "collecting, cleaning and checking data",
    "labelling": "labels by people or by a teacher model",
    "engineering": "people's time to build it",
    "evaluation": "the test set and running it",
    "training": "compute of all training attempts",
    "serving": "answering requests: tokens, or machines with utilisation and redundancy",
    "retrieval": "index, embeddings and the extra prompt tokens they bring",
    "retraining": "training again as knowledge changes or the base model is retired",
    "monitoring": "watching quality in production",
    "staff": "people's time to run it",
    "exit": "moving away at the end",
}
SHORT = {
    "current": "as today, until live",
    "data": "data",
    "labelling": "labels",
    "engineering": "building it",
    "evaluation": "evaluation",
    "training": "training runs",
    "serving": "serving",
    "retrieval": "retrieval",
    "retraining": "re-training",
    "monitoring": "monitoring",
    "staff": "running it",
    "exit": "exit",
}
