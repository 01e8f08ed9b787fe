"""From released segments to trajectories: events, actions, steps, episodes."""
