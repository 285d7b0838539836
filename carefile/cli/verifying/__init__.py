"""The acceptance suite behind `carefile verify`: each claim about AWS is a check that a deployed stack settles."""
