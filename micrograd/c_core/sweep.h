/* From the result to the leaves: the topological order, and backward through it. The definitions are `order_beyond`,
   `sweep` and `chain_rule` in engine.py: the same order, the same sums in the same order. */

typedef struct order {
    node **nodes; /* operands before results; not counted as references */
    Py_ssize_t count, room;
    int is_plain; /* whether C may set their gradients */
    int shares;   /* whether some are results of one call: see several.h */
} order;

typedef struct place {
    node *v;
    Py_ssize_t next; /* the operand to look at next */
} place;

static int grow(void **items, Py_ssize_t *room, size_t size)
{
    Py_ssize_t more = *room ? 2 * *room : 64;
    void *moved = PyMem_Realloc(*items, more * size);
    if (!moved) {
        PyErr_NoMemory();
        return -1;
    }
    *items = moved;
    *room = more;
    return 0;
}

#define has_number(v) ((v)->flags & (REACHED | UNREACHED)) /* as its gradient */

/* A gradient that a user set to 0, None, False or NumPy's float64; a huge int is Python's to refuse. */
static int given_grad(const node *v, double *number)
{
    int is_large = 0;
    PyObject *grad = v->flags & GRAD_IS_OBJECT ? extra_of(v)->grad : NULL;
    if (grad == Py_None || grad == Py_False) {
        *number = 0.0;
        return 1;
    }
    if (grad && PyFloat_Check(grad) && !PyType_HasFeature(Py_TYPE(grad), Py_TPFLAGS_HEAPTYPE)) {
        *number = PyFloat_AS_DOUBLE(grad);
        return 1;
    }
    if (!grad || !PyLong_CheckExact(grad))
        return 0;
    *number = (double)PyLong_AsLongLongAndOverflow(grad, &is_large);
    return !is_large;
}

/* Whether setting this node's gradient runs no code of Python's: of a subclass, of an object that was the gradient, of
   a function that gives the derivatives. */
static int is_plain(const core *c, const node *v)
{
    double number;
    return Py_TYPE(v) == (PyTypeObject *)c->Value && (v->locals != OBJECT || has_product(c, v)) &&
           (has_number(v) || given_grad(v, &number));
}

static int append(core *c, order *o, node *v)
{
    if (o->count == o->room && grow((void **)&o->nodes, &o->room, sizeof(node *)) < 0)
        return -1;
    o->nodes[o->count++] = v;
    o->is_plain = o->is_plain && is_plain(c, v);
    o->shares = o->shares || v->locals == OBJECT;
    return 0;
}

/* Whether a search comes to a node for the first time: by the node's mark, or by the set `seen`, which then owns it. A
   search by marks runs none of Python's code, so no other can come between; a set asks the __hash__ of a subclass. */
static int is_new(core *c, node *v, PyObject *seen)
{
    if (!seen) {
        int is_known = v->mark == c->searches;
        v->mark = c->searches;
        return !is_known;
    }
    Py_INCREF(v);
    Py_ssize_t before = PySet_GET_SIZE(seen);
    int status = PySet_Add(seen, (PyObject *)v) < 0 ? -1 : PySet_GET_SIZE(seen) > before;
    Py_DECREF(v);
    return status;
}

/* Whether a search that comes to a node has come to its operands already, through another result of the same call. */
static int are_known(core *c, const node *v, uint64_t search)
{
    results *r = shared(c, v);
    if (!r || !is_whole(v, r))
        return 0;
    int known = r->walked == search;
    r->walked = search;
    return known;
}

/* Depth-first and without recursion. */
static int order_beyond(core *c, node *root, PyObject *seen, order *o)
{
    place *path = NULL;
    Py_ssize_t depth = 0, room = 0;
    uint64_t search = seen ? ++c->searches : c->searches; /* code of Python's may search meanwhile */
    int new = is_new(c, root, seen), status = new < 0 ? -1 : 0;
    if (new > 0 && !(status = grow((void **)&path, &room, sizeof(place))) && !are_known(c, root, search))
        path[depth++] = (place){root, 0};
    while (depth && !status) {
        place *last = &path[depth - 1];
        if (last->next >= operand_count(last->v)) {
            status = append(c, o, last->v);
            depth--;
            continue;
        }
        node *v = operand_at(last->v, last->next++);
        if ((new = is_new(c, v, seen)) <= 0)
            status = new;
        else if (!v->operands || are_known(c, v, search))
            status = append(c, o, v);
        else if (depth < room || !(status = grow((void **)&path, &room, sizeof(place)))) {
            path[depth++] = (place){v, 0};
            if (v->operands == 2)
                prefetch(v->operand[1]->operand);
        }
    }
    PyMem_Free(path);
    return status;
}

/* A node's own step of a sweep, `chain_rule`: local derivative times upstream gradient, added up where branches meet. */
static void chain_rule(const node *v)
{
    const double *local = v->locals == MANY ? extra_of(v)->many : v->local, upstream = v->grad;
    for (Py_ssize_t k = 0; k < operand_count(v) && k < local_count(v); k++)
        operand_at(v, k)->grad += local[k] * upstream;
}

enum { AHEAD = 8 };

/* A gradient as it was before a sweep. */
typedef struct gradient {
    double number;
    int flags;
    PyObject *object; /* an int, which runs no code when it is freed */
} gradient;

static gradient gradient_of(const node *v)
{
    PyObject *object = v->flags & GRAD_IS_OBJECT ? Py_NewRef(extra_of(v)->grad) : NULL;
    return (gradient){v->grad, v->flags & GRADS, object};
}

static void put_back(node *v, const gradient *was)
{
    v->grad = was->number;
    set_flags(v, GRADS, was->flags);
    if (was->object)
        Py_XSETREF(extra_of(v)->grad, Py_NewRef(was->object));
}

/* Set the gradients of a graph that is plain. No code of Python's runs. False where the product of some call is not
   finite: all gradients are then as they were, and Python finds out why. */
static int sweep(const core *c, node *root, const order *o)
{
    gradient *before = o->shares ? PyMem_New(gradient, o->count) : NULL;
    int done = before || !o->shares;
    if (!done)
        return 0;
    for (Py_ssize_t i = 0; i < o->count; i++) {
        node *v = o->nodes[i];
        if (before)
            before[i] = gradient_of(v);
        given_grad(v, &v->grad);
        set_grad_number(v, v->operands || v->grad == 0.0 ? 0.0 : v->grad);
        if (v->locals == OBJECT)
            expect(c, v);
    }
    root->grad = root->operands ? 1.0 : root->grad + 1.0;
    for (Py_ssize_t i = o->count; i-- && done;) {
        if (i >= AHEAD)
            prefetch(&o->nodes[i - AHEAD]->grad);
        if (o->nodes[i]->locals == OBJECT)
            done = gather(c, o->nodes[i]);
        else
            chain_rule(o->nodes[i]);
    }
    for (Py_ssize_t i = 0; i < o->count && before; i++) {
        if (!done)
            put_back(o->nodes[i], &before[i]);
        Py_XDECREF(before[i].object);
    }
    PyMem_Free(before);
    return done;
}

/* ---------------------------------------------------------------- what Python calls */

static node *checked(core *c, PyObject *x)
{
    if (is_node(c, x))
        return (node *)x;
    PyErr_Format(PyExc_TypeError, "this is not a Value: %R", x);
    return NULL;
}

/* backward(root): Value.backward(). False, and nothing done, where Python has to do it. */
static PyObject *core_backward(PyObject *module, PyObject *root)
{
    core *c = PyModule_GetState(module);
    order o = {NULL, 0, 0, 1, 0};
    int done = 0;
    if (!checked(c, root))
        return NULL;
    if (mode_of(c) == PYTHON)
        Py_RETURN_FALSE;
    c->searches++;
    int status = order_beyond(c, (node *)root, NULL, &o);
    if (!status && o.is_plain)
        done = sweep(c, (node *)root, &o);
    PyMem_Free(o.nodes);
    return status ? NULL : PyBool_FromLong(done);
}

/* begin(node), send(node): a node's part of Python's sweep, where it is plain; else False, and nothing done. */
static PyObject *core_begin(PyObject *module, PyObject *x)
{
    node *v = (node *)x;
    int is_ours = Py_TYPE(x) == (PyTypeObject *)((core *)PyModule_GetState(module))->Value;
    if (!is_ours || !has_number(v))
        Py_RETURN_FALSE;
    set_grad_number(v, v->operands || v->grad == 0.0 ? 0.0 : v->grad);
    Py_RETURN_TRUE;
}

static PyObject *core_send(PyObject *module, PyObject *x)
{
    core *c = PyModule_GetState(module);
    node *v = (node *)x;
    int are_plain = Py_TYPE(x) == (PyTypeObject *)c->Value && v->locals != OBJECT && has_number(v);
    for (Py_ssize_t k = are_plain ? operand_count(v) : 0; k-- && are_plain;)
        are_plain = Py_TYPE(operand_at(v, k)) == (PyTypeObject *)c->Value && has_number(operand_at(v, k));
    for (Py_ssize_t k = are_plain ? operand_count(v) : 0; k--;)
        set_flags(operand_at(v, k), GRADS, REACHED); /* whatever code of Python's did meanwhile */
    if (are_plain)
        chain_rule(v);
    return PyBool_FromLong(are_plain);
}

/* order_beyond(root, seen): the order without the nodes in the set `seen`, to which it adds all that it gives. */
static PyObject *core_order_beyond(PyObject *module, PyObject *args)
{
    core *c = PyModule_GetState(module);
    order o = {NULL, 0, 0, 1, 0};
    PyObject *root, *seen;
    if (!PyArg_ParseTuple(args, "OO!", &root, &PySet_Type, &seen) || !checked(c, root))
        return NULL;
    PyObject *list = order_beyond(c, (node *)root, seen, &o) < 0 ? NULL : PyList_New(o.count);
    for (Py_ssize_t i = 0; list && i < o.count; i++)
        PyList_SET_ITEM(list, i, Py_NewRef(o.nodes[i])); /* until here `seen` kept them alive */
    PyMem_Free(o.nodes);
    return list;
}
