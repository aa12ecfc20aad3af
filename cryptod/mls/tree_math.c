#include "cryptod/mls/tree_math.h"

bool tree_leaves_valid(uint32_t leaves)
{
        return leaves > 0 && leaves <= TREE_LEAVES_MAX && (leaves & (leaves - 1)) == 0;
}

uint32_t tree_width(uint32_t leaves)
{
        return leaves == 0 ? 0 : 2 * leaves - 1;
}

uint32_t tree_root(uint32_t leaves)
{
        return leaves - 1;
}

uint32_t tree_level(uint32_t node)
{
        return (uint32_t) __builtin_ctz(~node);
}

bool tree_is_leaf(uint32_t node)
{
        return (node & 1) == 0;
}

uint32_t tree_leaf_node(uint32_t leaf)
{
        return 2 * leaf;
}

uint32_t tree_node_leaf(uint32_t node)
{
        return node / 2;
}

uint32_t tree_left(uint32_t node)
{
        uint32_t level = tree_level(node);

        return level == 0 ? NODE_NONE : node ^ (1u << (level - 1));
}

uint32_t tree_right(uint32_t node)
{
        uint32_t level = tree_level(node);

        return level == 0 ? NODE_NONE : node ^ (3u << (level - 1));
}

uint32_t tree_parent(uint32_t node, uint32_t leaves)
{
        uint32_t level = tree_level(node);

        if (node == tree_root(leaves))
                return NODE_NONE;
        return (node | (1u << level)) & ~(1u << (level + 1));
}

uint32_t tree_sibling(uint32_t node, uint32_t leaves)
{
        uint32_t parent = tree_parent(node, leaves);

        if (parent == NODE_NONE)
                return NODE_NONE;
        return node < parent ? tree_right(parent) : tree_left(parent);
}

bool tree_is_below(uint32_t node, uint32_t ancestor)
{
        uint32_t level = tree_level(ancestor);

        return tree_level(node) <= level && node >> (level + 1) == ancestor >> (level + 1);
}

uint32_t tree_common_ancestor(uint32_t a, uint32_t b)
{
        uint32_t low = a;

        while (!tree_is_below(b, low)) {
                uint32_t level = tree_level(low);

                low = (low | (1u << level)) & ~(1u << (level + 1));
        }
        return low;
}
