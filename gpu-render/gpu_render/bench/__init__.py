"""How fast a GPU draws InfiniteTalk's clips: whole networks with random weights, so that nothing but the code has to be there."""
