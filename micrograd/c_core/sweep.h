/* From the result to the leaves: the topological order, and backward through it. The definitions are `order_beyond`,
   `sweep` and `chain_rule` in engine.py: the same order, the same sums in the same order. */

typedef struct order {
    node **nodes; /* operands before results; not counted as references */
    Py_ssize_t count, room;
    int is_plain; /* whether all gradients and local derivatives are floats */
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

static int append(order *o, node *v)
{
    if (o->count == o->room && grow((void **)&o->nodes, &o->room, sizeof(node *)) < 0)
        return -1;
    o->nodes[o->count++] = v;
    o->is_plain &= v->locals != OBJECT && !(v->flags & GRAD_IS_OBJECT);
    return 0;
}

/* Whether a search comes to a node for the first time: by the node's mark, or by the set `seen`. -1 for an error. A
   search by marks runs none of Python's code, so no other search can come between. */
static int is_new(core *c, node *v, PyObject *seen)
{
    if (seen) {
        int known = PySet_Contains(seen, (PyObject *)v);
        return known ? (known < 0 ? -1 : 0) : PySet_Add(seen, (PyObject *)v) < 0 ? -1 : 1;
    }
    if (v->mark == c->searches)
        return 0;
    v->mark = c->searches;
    return 1;
}

/* Depth-first and without recursion. Marks of this search, `c->searches`, may have been set before. */
static int order_from(core *c, node *root, PyObject *seen, order *o)
{
    place *path = NULL;
    Py_ssize_t depth = 0, room = 0;
    int new = is_new(c, root, seen), status = new < 0 ? -1 : 0;
    if (new > 0 && !(status = grow((void **)&path, &room, sizeof(place))))
        path[depth++] = (place){root, 0};
    while (depth && !status) {
        place *last = &path[depth - 1];
        if (last->next == operand_count(last->v)) {
            status = append(o, last->v);
            depth--;
            continue;
        }
        node *v = operand_at(last->v, last->next++);
        if ((new = is_new(c, v, seen)) <= 0)
            status = new;
        else if (!v->operands)
            status = append(o, v);
        else if (depth < room || !(status = grow((void **)&path, &room, sizeof(place))))
            path[depth++] = (place){v, 0};
    }
    PyMem_Free(path);
    return status;
}

static void send(const node *v)
{
    const double *local = v->locals == MANY ? v->extra->many : v->local;
    Py_ssize_t count = operand_count(v), locals = local_count(v);
    for (Py_ssize_t k = 0; k < count && k < locals; k++)
        operand_at(v, k)->grad += local[k] * v->grad;
}

/* Set the gradients of a graph in which all are floats. Nothing here can fail, and no code of Python's runs. */
static void sweep_numbers(node *root, const order *o)
{
    for (Py_ssize_t i = 0; i < o->count; i++) {
        node *v = o->nodes[i];
        v->flags = 0;
        if (v->operands || v->grad == 0.0)
            v->grad = 0.0;
    }
    root->grad = root->operands ? 1.0 : root->grad + 1.0;
    for (Py_ssize_t i = o->count; i--;)
        send(o->nodes[i]);
}

/* Add `local` times `upstream` to an operand's gradient, whatever kinds of number they are. */
static int contribute(node *operand, PyObject *local, PyObject *upstream)
{
    PyObject *term = PyNumber_Multiply(local, upstream);
    PyObject *before = term ? get_grad(operand, NULL) : NULL;
    PyObject *after = before ? PyNumber_InPlaceAdd(before, term) : NULL;
    int status = after ? set_grad(operand, after, NULL) : -1;
    Py_XDECREF(term);
    Py_XDECREF(before);
    Py_XDECREF(after);
    return status;
}

/* A node's own step of a sweep: local derivative times upstream gradient, added up where branches meet. */
static int chain_rule(core *c, node *v)
{
    int is_plain = v->locals != OBJECT && !(v->flags & GRAD_IS_OBJECT);
    for (Py_ssize_t k = operand_count(v); k-- && is_plain;)
        is_plain = !(operand_at(v, k)->flags & GRAD_IS_OBJECT);
    if (is_plain) {
        send(v);
        return 0;
    }
    PyObject *local = get_local(v, NULL);
    if (local && !PyTuple_CheckExact(local))
        Py_SETREF(local, PyObject_CallOneArg(c->local_derivatives, (PyObject *)v));
    PyObject *upstream = local ? get_grad(v, NULL) : NULL;
    PyObject *operands = upstream ? get_prev(v, NULL) : NULL; /* their owner while terms are added */
    int status = operands ? 0 : -1;
    for (Py_ssize_t k = 0; !status && k < PyTuple_GET_SIZE(operands) && k < PyTuple_GET_SIZE(local); k++)
        status = contribute((node *)PyTuple_GET_ITEM(operands, k), PyTuple_GET_ITEM(local, k), upstream);
    Py_XDECREF(local);
    Py_XDECREF(upstream);
    Py_XDECREF(operands);
    return status;
}

/* A gradient before the sweep: 0.0 for results; at leaves the sum goes on. */
static int begin(core *c, node *v)
{
    if (!v->operands && v->flags & GRAD_IS_OBJECT) {
        PyObject *grad = Py_NewRef(v->extra->grad);
        int is_true = PyObject_IsTrue(grad), status = is_true < 0 ? -1 : 0;
        if (is_true > 0 && !PyObject_TypeCheck(grad, (PyTypeObject *)c->Value)) {
            PyObject *number = PyObject_CallFunction(c->number_for, "OOs", grad, v, "gradient");
            status = number ? set_grad(v, number, NULL) : -1;
            Py_XDECREF(number);
        }
        else if (!is_true)
            set_grad_number(v, 0.0);
        Py_DECREF(grad);
        return status;
    }
    set_grad_number(v, v->operands ? 0.0 : v->grad == 0.0 ? 0.0 : v->grad);
    return 0;
}

/* The same where some derivatives are functions, or some gradients graphs: code of Python's runs in the midst. It may
   drop nodes or call backward() again, so the order owns its nodes. After an error the leaves have what they had. */
static int sweep_any(core *c, node *root, const order *o)
{
    PyObject **before = PyMem_New(PyObject *, o->count);
    Py_ssize_t known = 0;
    int status = before ? 0 : -1;
    if (!before)
        PyErr_NoMemory();
    for (Py_ssize_t i = 0; i < o->count; i++)
        Py_INCREF(o->nodes[i]);
    for (; !status && known < o->count; known++)
        if (!(before[known] = get_grad(o->nodes[known], NULL))) {
            status = -1;
            break;
        }
    for (Py_ssize_t i = 0; !status && i < o->count; i++)
        status = begin(c, o->nodes[i]);
    if (!status) {
        PyObject *one = PyFloat_FromDouble(1.0), *grad = root->operands ? Py_XNewRef(one) : get_grad(root, NULL);
        PyObject *start = root->operands || !one || !grad ? Py_XNewRef(grad) : PyNumber_Add(grad, one);
        status = start ? set_grad(root, start, NULL) : -1;
        Py_XDECREF(one);
        Py_XDECREF(grad);
        Py_XDECREF(start);
    }
    for (Py_ssize_t i = o->count; i-- && !status;)
        status = chain_rule(c, o->nodes[i]);
    if (status && known == o->count) {
        PyObject *kind, *error, *trace;
        PyErr_Fetch(&kind, &error, &trace);
        for (Py_ssize_t i = 0; i < o->count; i++)
            set_grad(o->nodes[i], o->nodes[i]->operands ? c->unreached : before[i], NULL);
        PyErr_Restore(kind, error, trace);
    }
    for (Py_ssize_t i = 0; i < known; i++)
        Py_DECREF(before[i]);
    for (Py_ssize_t i = 0; i < o->count; i++)
        Py_DECREF(o->nodes[i]);
    PyMem_Free(before);
    return status;
}

/* ---------------------------------------------------------------- what Python calls */

static node *checked(core *c, PyObject *x)
{
    if (is_node(c, x))
        return (node *)x;
    PyErr_Format(PyExc_TypeError, "a graph's root is a Value, not %R", x);
    return NULL;
}

/* backward(root): Value.backward(). False, and nothing done, where Python has to do it. */
static PyObject *core_backward(PyObject *module, PyObject *root)
{
    core *c = PyModule_GetState(module);
    order o = {NULL, 0, 0, 1};
    if (!checked(c, root))
        return NULL;
    if (mode_of(c) == PYTHON)
        Py_RETURN_FALSE;
    c->searches++;
    int status = order_from(c, (node *)root, NULL, &o);
    if (!status && o.is_plain)
        sweep_numbers((node *)root, &o);
    else if (!status)
        status = sweep_any(c, (node *)root, &o);
    PyMem_Free(o.nodes);
    return status ? NULL : Py_NewRef(Py_True);
}

/* order_beyond(root, seen): the order without the nodes in the set `seen`, to which it adds all that it gives.
   topological_order(root, inputs): the order that stops at `inputs`. */
static PyObject *listed(core *c, node *root, PyObject *seen)
{
    order o = {NULL, 0, 0, 1};
    int status = order_from(c, root, seen, &o);
    for (Py_ssize_t i = 0; !status && i < o.count; i++)
        Py_INCREF(o.nodes[i]); /* first, because to make a list may run the collector */
    PyObject *list = status ? NULL : PyList_New(o.count);
    for (Py_ssize_t i = 0; !status && i < o.count; i++)
        if (list)
            PyList_SET_ITEM(list, i, (PyObject *)o.nodes[i]);
        else
            Py_DECREF(o.nodes[i]);
    PyMem_Free(o.nodes);
    return list;
}

static PyObject *core_order_beyond(PyObject *module, PyObject *args)
{
    core *c = PyModule_GetState(module);
    PyObject *root, *seen;
    if (!PyArg_ParseTuple(args, "OO!", &root, &PySet_Type, &seen) || !checked(c, root))
        return NULL;
    return listed(c, (node *)root, seen);
}

static PyObject *core_topological_order(PyObject *module, PyObject *args)
{
    core *c = PyModule_GetState(module);
    PyObject *root, *inputs;
    if (!PyArg_ParseTuple(args, "OO!", &root, &PyList_Type, &inputs) || !checked(c, root))
        return NULL;
    c->searches++;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(inputs); i++)
        if (is_node(c, PyList_GET_ITEM(inputs, i)))
            ((node *)PyList_GET_ITEM(inputs, i))->mark = c->searches;
    return listed(c, (node *)root, NULL);
}
